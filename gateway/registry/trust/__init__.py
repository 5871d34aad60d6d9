"""What a camera's word is worth: measured per camera, class and hour; auto-filing is earned by it and lost with it."""
