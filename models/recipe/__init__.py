"""The training recipe: needs the extra `train` (torch, ultralytics); nothing in the product imports it at run time."""
