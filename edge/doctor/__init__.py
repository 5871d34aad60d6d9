"""`zhuomu doctor`: what is wrong with a kiosk, in words, without touching it."""
