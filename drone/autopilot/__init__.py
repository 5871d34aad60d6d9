"""Everything that speaks MAVLink; the only room that imports pymavlink."""
