"""Documents sent to be signed: NDAs of invoice profiles, their envelopes, and the signing service."""
