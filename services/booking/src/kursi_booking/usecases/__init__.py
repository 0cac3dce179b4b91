"""One file per thing that somebody can do."""
