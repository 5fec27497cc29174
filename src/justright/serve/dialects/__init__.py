"""Wire formats as pure functions: bytes to a Question, Answers to bytes. No I/O, no state, no HTTP.

read(body, described, ...) -> Question       raises an error of `justright.errors`, nothing else
write(question, answers) -> bytes
refuse(status, sentence) -> bytes            the protocol's own form of an error
"""
