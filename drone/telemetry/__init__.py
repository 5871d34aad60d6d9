"""Where the vehicle and its camera were, and when: one sample type, readers, a buffer that interpolates."""
