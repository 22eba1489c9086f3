"""
The laboratory: services that can be hurt, clients that write down what they see, and a
checker that compares what they wrote down with what is stored.
"""
