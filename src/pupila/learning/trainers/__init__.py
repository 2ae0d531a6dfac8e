"""What trains a network for each task: data, criterion, batches and validation, shared by train and compress."""
