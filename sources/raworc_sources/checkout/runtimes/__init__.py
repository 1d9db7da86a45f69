"""What a build knows of the languages that agents are written in."""
