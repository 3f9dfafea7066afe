"""Language models: messages in, text with its bill out."""
