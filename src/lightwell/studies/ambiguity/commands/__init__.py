"""What goes before and after a run of the study ``ambiguity``: one file a command."""
