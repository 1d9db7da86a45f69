"""What loads a Python agent, under its own interpreter, or runs a binary for each message.

Standard library only.
"""
