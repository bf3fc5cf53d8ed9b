"""What is written on the wire: messages, their headers and bodies, read and made."""
