"""What Shopify exports, turned into our own fields."""
