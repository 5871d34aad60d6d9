"""Measurements that anybody can repeat (`zhuomu bench`); stands above all rooms, no room imports it."""
