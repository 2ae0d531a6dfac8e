"""What planning a training decides and refuses, in a file for each task."""
