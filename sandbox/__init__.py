"""The signing sandbox: a program of its own that stands in for DocuSign on one machine.

It speaks the calls of DocuSign's eSignature REST API v2.1 that the hub makes, shows the mails that DocuSign would send,
lets everybody sign or decline in a browser, and misbehaves on request. It shares no code with the hub.
"""
