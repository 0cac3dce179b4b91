"""A stand-in for Twilio Programmable Messaging."""
