"""The answerer without a language model: verbatim sentences, a calibrated confidence."""
