"""Plans written as test functions: read without being run, and made into the text that is judged by."""
