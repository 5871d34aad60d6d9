"""First-reporter rewards (啄木鸟奖励): who was first, what it is worth, who pays for the miss, and the month's list."""
