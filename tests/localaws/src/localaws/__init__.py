"""A local AWS for the tests and the demo: one loopback endpoint, two emulators behind it.

`localaws.front` runs in the front environment (MiniStack, the deployment, the doors), `localaws.moto` in
moto's. The modules at this level are shared by both and depend on nothing but the standard library.
"""
