"""What tests and the laptop platform need: real servers, databases cut from templates, patient assertions."""
