"""Where the vehicle and its camera were, and when: one sample type, readers of recordings, a buffer that interpolates."""
