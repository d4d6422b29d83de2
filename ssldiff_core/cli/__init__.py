"""The command line: thin doors to the same functions that the app and the tests call, one file for each command."""

from .command_line import main as main
