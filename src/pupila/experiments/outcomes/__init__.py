"""The task's metric over images: configurations compared on them, and the winner's score corrected for the choice."""
