"""The studio: learned worlds in a browser. What is said over the wire is in docs/protocol.md."""
