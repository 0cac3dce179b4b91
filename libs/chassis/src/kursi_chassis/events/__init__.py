"""Events between services: the outbox and its relay on one side, the consumer and its inbox on the other."""
