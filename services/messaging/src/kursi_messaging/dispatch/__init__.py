"""The role `dispatch`: from rows that are due to messages that were sent, each once."""
