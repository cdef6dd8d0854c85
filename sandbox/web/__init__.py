"""What is reached by HTTP: the API, the pages, the helpers for tests."""
