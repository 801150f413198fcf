"""A frame, or any Python value, to stored data and back."""
