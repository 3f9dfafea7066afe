"""From passages to messages: evidence packed and fenced, templates rendered."""
