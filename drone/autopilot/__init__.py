"""An ArduCopter on a MAVLink line: pure protocol machines (messages and times in, messages and events out) and a thin
shell of sockets. The only importer of pymavlink.

The story, file by file: `types` -> `wire` (bytes and messages) -> `retry` -> `upload`, `download` -> `compare`,
`transfer` (upload, read back, compare) -> `commands`, `params`, `timesync` -> `gimbal`, `camera` -> `vehicle` (what
the autopilot says of itself) -> `flight` (one patrol from link to landing) -> `link` (sockets) ->
`session` (the loop); `logs` reads recordings (.tlog, .BIN).
"""
