"""The centre: takes messages in, proves receipt, merges sightings, forwards cases, syncs handsets, shows it all."""
