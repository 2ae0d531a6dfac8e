"""Tune what turns logits into predictions, from predictions and ground truth alone: one file per task."""
