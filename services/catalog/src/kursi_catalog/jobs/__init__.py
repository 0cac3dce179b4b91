"""Work that no caller asks for."""
