"""PDFs: where anchors are, what signers wrote, the signature of the sandbox, the certificate of completion."""
