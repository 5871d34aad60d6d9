"""Seeing from above: detections put on the ground, things remembered there over flights, and which ground was seen."""
