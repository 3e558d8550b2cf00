"""The front server: one loopback endpoint that sorts requests between MiniStack and moto."""
