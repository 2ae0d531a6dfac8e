"""The page of a service: people upload images, see predictions and send feedback, in a browser."""
