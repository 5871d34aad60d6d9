"""A simulated ArduCopter, and the sample street seen from it: for tests and `zhuomu drone fly --sim`."""
