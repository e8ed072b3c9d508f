"""Kubernetes' API as polpo uses it: list, watch, patch; only the fields that are read.

`configuration` says where the API is and who we are there, `client` asks it, `reflection` decides
what to ask and what has changed (pure), `reflector` keeps asking; `objects` are the kinds that we
read, `resources` where they live. For controllers: `api` makes, applies, patches and removes,
`lease` has one of several lead, `events` says on an object what is wrong with it, `selectors`
choose.
"""
