"""What more images would bring: trainings on nested shares of the training split, and the curve through them."""
