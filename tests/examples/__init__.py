"""Stories that a script of yours may begin from; a test runs each as it stands."""
