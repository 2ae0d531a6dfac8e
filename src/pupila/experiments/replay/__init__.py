"""Tables of results from elsewhere: what their counts of right and wrong images allow to say."""
