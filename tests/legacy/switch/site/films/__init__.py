"""The site's app: films, and what people say of them."""
