"""The tests, as a package: a library that installs a package of this name cannot come before it."""
