"""Files as Shopify exports them, with the columns that matter and some that do not."""

from __future__ import annotations

PRODUCTS = """\
Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Option3 Name,Option3 Value,Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Price,Variant Compare At Price,Variant Barcode,Image Src,Cost per item,Status
work-shirt,Work Shirt,"<p>Heavy <b>cotton</b> &amp; linen.</p><ul><li>Two pockets</li></ul>",Ironside,Apparel & Accessories > Clothing > Shirts,Shirts,"work, cotton",true,Size,S,Color,Blue,,,WS-S,350,shopify,12,39.90,49.90,'4006381333931,https://example.com/1.jpg,14.50,active
work-shirt,,,,,,,,,M,,Red,,,WS-M,380,shopify,-2,41.90,,,https://example.com/2.jpg,15.00,
work-shirt,,,,,,,,,,,,,,,,,,,,,https://example.com/3.jpg,,
mug,Mug,Plain text,,,Kitchen,,true,Title,Default Title,,,,,'MUG-1,,shopify,5,8.00,,,,,draft
"""  # noqa: E501

# The columns of 2025 and later.
PRODUCTS_NOW = """\
Title,URL handle,Description,Vendor,Product category,Type,Tags,Status,SKU,Barcode,Option1 name,Option1 value,Price,Cost per item,Inventory quantity,Weight value (grams)
Mug,mug,Plain text,,,Kitchen,,Active,MUG-1,,,,8.50,3.00,7,250
"""  # noqa: E501

CUSTOMERS = """\
Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Company,Default Address Phone,Phone,Total Spent,Total Orders,Note,Tags,Tax Exempt
'7001,Ann,Lee,Ann@example.com,yes,,,'+12065550100,101.00,3,,vip,no
'7002,Bob,Ray,bob@example.com,no,,'206-555-0101,,0.00,0,,,no
"""  # noqa: E501

ORDERS = """\
Name,Email,Financial Status,Paid at,Fulfillment Status,Accepts Marketing,Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Lineitem taxable,Lineitem discount,Notes,Cancelled at,Payment Method,Refunded Amount,Employee,Location
#1001,ann@example.com,paid,2026-03-02 10:16:00 -0800,fulfilled,no,USD,88.79,5.00,7.11,100.90,TEN,10.00,Standard,2026-03-02 10:15:44 -0800,2,Work Shirt - S / Blue,39.90,WS-S,true,0.00,Ring twice,,Shopify Payments,0.00,,Downtown
#1001,ann@example.com,,,,,,,,,,,,,2026-03-02 10:15:44 -0800,1,Work Shirt - M / Red,18.99,WS-M,true,0.00,,,,,,
#1002,,refunded,2026-03-03 09:00:00 -0800,fulfilled,no,USD,7.00,0.00,0.00,7.00,,1.00,,2026-03-03 09:00:00 -0800,1,Mug,8.00,MUG-1,false,1.00,,,PayPal Express Checkout,7.00,Kim,
#1003,ann@example.com,pending,,unfulfilled,no,USD,8.00,0.00,0.00,8.00,,0.00,,2026-03-04 09:00:00 -0800,1,Mug,8.00,MUG-1,false,0.00,,,,0.00,,
#1004,ann@example.com,paid,,unfulfilled,no,USD,8.00,0.00,0.00,8.00,,0.00,,2026-03-04 09:00:00 -0800,1,Mug,8.00,MUG-1,false,0.00,,2026-03-04 10:00:00 -0800,cash,0.00,,
#1005,,paid,2026-03-05 09:00:00 -0800,fulfilled,no,USD,24.00,0.00,4.00,24.00,,0.00,,2026-03-05 09:00:00 -0800,3,Mug,8.00,MUG-1,true,0.00,,,Cash,0.00,,
"""  # noqa: E501
