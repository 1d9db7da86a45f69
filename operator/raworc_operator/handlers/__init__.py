"""Where kopf meets Raworc: decorators only; every handler says which object wants a turn."""
