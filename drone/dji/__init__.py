"""DJI docks by the Cloud API over MQTT: pure machines (`cloud` and what it is made of) over a shell (`shell`)."""
