"""Connect: the events of envelopes, written with what causes them and sent by a thread of its own."""
