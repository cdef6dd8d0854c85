"""Cases: what customers ask for, worked on by staff and followed in the portal."""
